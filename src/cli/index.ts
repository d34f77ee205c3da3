/**
 * The command line: from arguments to an exit code. Every failure is one `Error: …` on stderr and code 1.
 */
import { CommanderError } from 'commander';

import { formatPosition, type Diagnostic } from '../config/index.js';
import { isCollectorError, messageOf } from '../errors.js';
import { processIo, type CliIo } from './io.js';
import { buildProgram } from './program.js';

export type { CliIo, SignalName } from './io.js';

/** How long a stray handle may hold the process after a command is done. */
const EXIT_GRACE_MS = 1000;

/**
 * Runs one command.
 * @param argv arguments after the script's name
 * @returns the exit code; never rejects
 */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  const result = { exitCode: 0 };
  const program = buildProgram(io, result);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return result.exitCode;
  } catch (error) {
    // Commander has printed its own errors, help and version already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    for (const warning of warningsOf(error)) io.stderr.write(`Warning: ${warning}\n`);
    io.stderr.write(`Error: ${messageOf(error)}\n`);
    return 1;
  }
}

/** What a failed configuration also deserved a word about: an unset variable is often the reason. */
function warningsOf(error: unknown): string[] {
  if (!isCollectorError(error)) return [];
  const { diagnostics = [] } = (error.details ?? {}) as { readonly diagnostics?: readonly Diagnostic[] };
  return diagnostics
    .filter(({ severity }) => severity === 'warning')
    .map(({ message, position, fields }) => {
      const facts = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
      if (position !== null) facts.unshift(formatPosition(position));
      return facts.length === 0 ? message : `${message} (${facts.join('; ')})`;
    });
}

/** `bin/teleferric.js`: runs the process's own command. */
export async function runProcess(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2), processIo());
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
}
