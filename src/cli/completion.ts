/**
 * Completion scripts: the words come from the commands themselves, so they cannot fall behind.
 */
import type { Command, Option } from 'commander';

/** Shells with a script. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

interface Words {
  /** Empty for the program itself. */
  readonly command: string;
  readonly description: string;
  /** Names of the commands below it. */
  readonly subcommands: readonly string[];
  /** Its own and those of the commands below it. */
  readonly options: readonly { readonly flag: string; readonly description: string; readonly takesFile: boolean }[];
}

/** The script of a shell, ending with a line end. */
export function completionScript(shell: Shell, program: Command): string {
  const root = wordsOf('', program);
  const commands = program.commands.map((command) => wordsOf(command.name(), command));
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](root, commands);
}

function wordsOf(name: string, command: Command): Words {
  const below = name === '' ? [] : command.commands;
  const options = new Map<string, Words['options'][number]>();
  for (const option of [command, ...below].flatMap((one): readonly Option[] => one.options)) {
    if (option.long === undefined || option.long === null) continue;
    options.set(option.long, { flag: option.long, description: option.description, takesFile: FILES.has(option.long) });
  }
  return {
    command: name,
    description: command.description(),
    subcommands: below.map((one) => one.name()),
    options: [...options.values()],
  };
}

/** Flags whose value is a path, most of the time. */
const FILES = new Set(['--config', '--ca', '--directory']);

/** Everything that may follow a command. */
function flagsOf({ subcommands, options }: Words): string {
  return [...subcommands, ...options.map(({ flag }) => flag), '--help'].join(' ');
}

function bashScript(root: Words, commands: readonly Words[]): string {
  const cases = commands.map((words) => `    ${words.command}) words="${flagsOf(words)}" ;;`);
  return `# bash completion for teleferric; use: source <(teleferric completion bash)
_teleferric() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words
  COMPREPLY=()
  case "$previous" in
    ${[...FILES].join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="${[...commands.map(({ command }) => command), 'help', flagsOf(root)].join(' ')}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _teleferric teleferric
`;
}

function zshScript(root: Words, commands: readonly Words[]): string {
  const spec = ({ subcommands, options }: Words): string =>
    [
      ...(subcommands.length === 0 ? [] : [`'2:command:(${subcommands.join(' ')})'`]),
      ...options.map(
        ({ flag, description, takesFile }) => `'*${flag}[${zshText(description)}]${takesFile ? ':file:_files' : ''}'`,
      ),
    ].join(' ');
  const described = commands.map(({ command, description }) => `    '${command}:${zshText(description)}'`);
  const cases = commands.map((words) => `    ${words.command}) _arguments ${spec(words)} '--help[show help]' ;;`);
  return `#compdef teleferric
# zsh completion for teleferric; use: source <(teleferric completion zsh)
_teleferric() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
    *) _arguments ${spec(root)} '--help[show help]' ;;
  esac
}
compdef _teleferric teleferric
`;
}

function zshText(text: string): string {
  return text.replaceAll(/['[\]:]/g, ' ');
}

function fishScript(root: Words, commands: readonly Words[]): string {
  const names = commands.map(({ command }) => command).join(' ');
  const option = (condition: string, { flag, description, takesFile }: Words['options'][number]): string =>
    `complete -c teleferric -n '${condition}' -l ${flag.slice(2)} -d '${fishText(description)}'${takesFile ? ' -r -F' : ''}`;
  return `${[
    '# fish completion for teleferric; use: teleferric completion fish | source',
    'complete -c teleferric -f',
    ...commands.map(
      ({ command, description }) =>
        `complete -c teleferric -n '__fish_use_subcommand' -a ${command} -d '${fishText(description)}'`,
    ),
    ...root.options.map((one) => option(`not __fish_seen_subcommand_from ${names}`, one)),
    ...commands
      .filter(({ subcommands }) => subcommands.length > 0)
      .map(
        ({ command, subcommands }) =>
          `complete -c teleferric -n '__fish_seen_subcommand_from ${command}' -a '${subcommands.join(' ')}'`,
      ),
    ...commands.flatMap((words) =>
      words.options.map((one) => option(`__fish_seen_subcommand_from ${words.command}`, one)),
    ),
  ].join('\n')}\n`;
}

function fishText(text: string): string {
  return text.replaceAll("'", ' ');
}
