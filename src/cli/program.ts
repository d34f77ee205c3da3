/**
 * The commands and their flags, as commander knows them. What they do is in the files beside this one.
 */
import { Command, InvalidArgumentError, Option } from 'commander';

import { packageVersion } from '../collector/index.js';
import { CollectorError } from '../errors.js';
import { completionScript, SHELLS, type Shell } from './completion.js';
import { configHistory, configRollback, type HistoryFlags } from './config.js';
import type { CliIo } from './io.js';
import {
  printComponents,
  printFeatureGates,
  printFinalConfig,
  printSchema,
  validateConfig,
  type PrintFlags,
} from './inspect.js';
import {
  inspectQueues,
  purge,
  replay,
  queueStatus,
  verifyQueues,
  type InspectFlags,
  type PurgeFlags,
  type ReplayFlags,
  type QueueFlags,
} from './queue.js';
import { run, type ConfigFlags } from './run.js';
import { send } from './send.js';
import { addSendOptions, type SendFlags } from './send-options.js';
import { top, type TopFlags } from './top.js';

/** Where a command leaves its exit code. */
export interface CommandResult {
  exitCode: number;
}

/** All commands. Their actions reject on failure. */
export function buildProgram(io: CliIo, result: CommandResult): Command {
  const program = new Command('teleferric')
    .description('An OpenTelemetry collector: reads Collector YAML, runs a native data plane')
    .version(`teleferric version ${packageVersion()}`, '-v, --version', 'print the version')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'show help')
    .showSuggestionAfterError()
    .allowExcessArguments()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'Error: ')),
    })
    .addHelpText('after', EXAMPLES);
  addConfigOptions(program).action(async (flags: ConfigFlags, command: Command) => {
    const [unknown] = command.args;
    if (unknown !== undefined) throw unknownCommand(unknown, command);
    result.exitCode = await run(flags, io);
  });
  addInspectCommands(program, io);
  addHistoryCommands(program, io);
  addQueueCommands(program, io, result);
  addConfigOptions(program.command('top'))
    .description('show what a running collector does, from its metrics page')
    .option('--url <url>', 'metrics page, instead of the one in the configuration')
    .option('--interval <seconds>', 'time between two readings', parseSeconds, 2)
    .option('--once', 'print one text and end; so it is without a terminal', false)
    .action((flags: TopFlags, command: Command) => {
      refuseArguments(command);
      return top(flags, io);
    });
  addSendOptions(program.command('send'))
    .description('make telemetry and send it to an OTLP endpoint')
    .action(async (flags: SendFlags) => {
      result.exitCode = await send(flags, io);
    });
  return program;
}

const EXAMPLES = `
Examples:
  teleferric                                   listen with the built-in configuration
  teleferric --config collector.yaml           run a Collector configuration
  teleferric validate --config collector.yaml  check it without running
  teleferric send                              send something to a collector on this machine`;

function addConfigOptions(command: Command): Command {
  addRepeatable(command, '--config <location>', 'configuration: path, file:, env:, yaml:, http:, https: (repeatable)');
  addRepeatable(command, '--set <key=value>', 'override one value, a.b.c=VALUE in YAML (repeatable)');
  return addGatesOption(command);
}

function addGatesOption(command: Command): Command {
  return addRepeatable(command, '--feature-gates <gates>', 'turn gates on or off: a,+b,-c (repeatable)');
}

/** An empty list unless given; help does not show it. */
function addRepeatable(command: Command, flags: string, description: string): Command {
  const option = new Option(flags, description).argParser(collect);
  return command.addOption(option).setOptionValueWithSource(option.attributeName(), [], 'default');
}

function addInspectCommands(program: Command, io: CliIo): void {
  addConfigOptions(program.command('validate'))
    .description('check a configuration without running it')
    .action((flags: ConfigFlags, command: Command) => {
      refuseArguments(command);
      return validateConfig(flags);
    });
  program
    .command('components')
    .description('list the components of this distribution')
    .action(() => printComponents(io));
  addConfigOptions(program.command('print-config'))
    .alias('print-initial-config')
    .description('print the final configuration with all defaults')
    .addOption(
      new Option('--mode <mode>', 'whether secrets are hidden').choices(['redacted', 'unredacted']).default('redacted'),
    )
    .addOption(new Option('--format <format>', 'form of the output').choices(['yaml', 'json']).default('yaml'))
    .option('--validate [bool]', 'whether to check it first', parseBoolean, true)
    .action((flags: PrintFlags, command: Command) => {
      refuseArguments(command);
      return printFinalConfig(flags, io);
    });
  addGatesOption(program.command('featuregate'))
    .argument('[id]', 'one gate')
    .description('list feature gates, or show one')
    .action((id: string | undefined, flags: Pick<ConfigFlags, 'featureGates'>) => printFeatureGates(id, flags, io));
  program
    .command('schema')
    .description('print the JSON Schema of the configuration')
    .action(() => printSchema(io));
  program
    .command('completion')
    .argument('<shell>', SHELLS.join(', '), parseShell)
    .description('print a completion script for a shell')
    .action((shell: Shell) => {
      io.stdout.write(completionScript(shell, program));
    });
}

function addHistoryCommands(program: Command, io: CliIo): void {
  const config = program.command('config').description('look at the configurations that ran, and go back to one');
  const add = (name: string, description: string): Command =>
    addConfigOptions(config.command(name))
      .description(description)
      .option('--directory <path>', 'folder of the versions, instead of that in the configuration');
  add('history', 'list the versions kept; * is the one that the files are').action(
    (flags: HistoryFlags, command: Command) => {
      refuseArguments(command);
      return configHistory(flags, io);
    },
  );
  add('rollback', 'write the files of a version back; without a number, of the newest that they differ from')
    .argument('[version]', 'number of the version', parseCount)
    .action((version: number | undefined, flags: HistoryFlags) => configRollback(version ?? null, flags, io));
}

function addQueueCommands(program: Command, io: CliIo, result: CommandResult): void {
  const queue = program.command('queue').description('look into queues on disk');
  const add = (name: string, description: string): Command =>
    addRepeatable(
      addConfigOptions(queue.command(name)).description(description),
      '--directory <path>',
      'directory of a file_storage, instead of those in the configuration (repeatable)',
    );
  add('status', 'show what each queue holds').action((flags: QueueFlags, command: Command) => {
    refuseArguments(command);
    return queueStatus(flags, io);
  });
  add('inspect', 'show the oldest requests and dead letters of each queue')
    .option('--limit <count>', 'how many of each', parseCount, 10)
    .action((flags: InspectFlags, command: Command) => {
      refuseArguments(command);
      return inspectQueues(flags, io);
    });
  add('verify', 'read everything; exit code 1 if something is damaged').action(
    async (flags: QueueFlags, command: Command) => {
      refuseArguments(command);
      result.exitCode = await verifyQueues(flags, io);
    },
  );
  add('purge', 'give up what a queue holds; no collector may have it open')
    .requiredOption('--queue <name>', 'the queue, as `status` shows it')
    .option('--dead-letters', 'its dead letters instead', false)
    .action((flags: PurgeFlags, command: Command) => {
      refuseArguments(command);
      return purge(flags, io);
    });
  add('replay', 'put dead letters back into their queues; no collector may have them open')
    .option('--queue <name>', 'those of one queue, as `status` shows it')
    .option('--limit <count>', 'at most so many of each queue, the oldest first', parseCount)
    .action((flags: ReplayFlags, command: Command) => {
      refuseArguments(command);
      return replay(flags, io);
    });
}

function parseSeconds(value: string): number {
  const seconds = Number(value);
  if (!(seconds >= 0.1 && seconds <= 3600)) throw new InvalidArgumentError('It must be between 0.1 and 3600.');
  return seconds;
}

function parseCount(value: string): number {
  if (!/^[0-9]{1,6}$/.test(value)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(value);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function parseBoolean(value: string): boolean {
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw new InvalidArgumentError('It must be true or false.');
}

function parseShell(value: string): Shell {
  const shell = SHELLS.find((known) => known === value);
  if (shell === undefined) throw new InvalidArgumentError(`It must be one of ${SHELLS.join(', ')}.`);
  return shell;
}

/** A configuration named without its flag would be passed over in silence. */
function refuseArguments({ args: [argument] }: Command): void {
  if (argument === undefined) return;
  const text = `unexpected argument "${argument}"; configurations are named by --config ${argument}`;
  throw new CollectorError('INVALID_ARGUMENT', text);
}

function unknownCommand(name: string, program: Command): CollectorError {
  const known = program.commands.map((command) => command.name()).join(', ');
  const hint = /[./]/.test(name) ? `to run a configuration, write --config ${name}` : `commands: ${known}`;
  return new CollectorError('INVALID_ARGUMENT', `unknown command "${name}" for "teleferric" (${hint})`);
}
