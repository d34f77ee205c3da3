/**
 * The default command: runs a collector until a signal or a dead component ends it; SIGHUP reloads (see `reload.ts`).
 */
import { Collector } from '../collector/index.js';
import { DEFAULT_CONFIG_LOCATION } from '../config/index.js';
import type { CollectorError } from '../errors.js';
import type { CliIo, SignalName } from './io.js';
import { Reloader } from './reload.js';
import { Versions } from './versions.js';
import { welcomeText } from './welcome.js';

/** Flags of every command that reads a configuration. */
export interface ConfigFlags {
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly featureGates: readonly string[];
}

/** Why the collector ends. */
type Ending = { readonly signal: SignalName } | { readonly failure: CollectorError };

/** What Go calls the signals, as the Collector's log has them. */
const SIGNAL_WORDS: Readonly<Record<SignalName, string>> = {
  SIGINT: 'interrupt',
  SIGTERM: 'terminated',
  SIGHUP: 'hangup',
};

/** How long a second signal waits for the core to stop before the process ends. */
const CUT_SHORT_MS = 500;

/**
 * @returns the exit code: 0 after a signal; 1 after a dead component, a drain cut short, or a reload that failed and was
 * not to. Rejects when the start fails.
 */
export async function run(flags: ConfigFlags, io: CliIo): Promise<number> {
  const builtIn = flags.config.length === 0;
  const versions = new Versions(flags, (level, message, fields) => collector.log(level, message, fields));
  const collector: Collector = new Collector(
    {
      configLocations: builtIn ? [DEFAULT_CONFIG_LOCATION] : flags.config,
      set: flags.set,
      featureGates: flags.featureGates,
      host: 'command',
    },
    { ...io.internals, load: (options) => versions.load(options) },
  );
  const ending = listen(collector, versions, io);
  try {
    const started = collector.start();
    const early = await Promise.race([started, ending.happened]);
    if (early !== undefined) await Promise.allSettled([collector.close(), started]);
    else if (builtIn) io.stderr.write(welcomeText(collector.listening()));
    const end = early ?? (await ending.happened);
    await collector.close();
    await ending.settled();
    return 'signal' in end && !ending.wasCut() ? 0 : 1;
  } finally {
    ending.remove();
  }
}

interface Listening {
  readonly happened: Promise<Ending>;
  /** Whether a second signal came. */
  wasCut(): boolean;
  /** Resolves when nothing is left to be written about the configuration. */
  settled(): Promise<void>;
  remove(): void;
}

function listen(collector: Collector, versions: Versions, io: CliIo): Listening {
  const removers: (() => void)[] = [];
  let cut = false;
  let reloader: Reloader | null = null;
  const happened = new Promise<Ending>((resolve) => {
    let ending = false;
    const stop = (signal: SignalName): void => {
      cut = ending;
      if (cut) return cutShort(collector, io);
      ending = true;
      collector.log('info', 'Received signal from OS', { signal: SIGNAL_WORDS[signal] });
      resolve({ signal });
    };
    const fail = (failure: CollectorError): void => {
      ending = true;
      resolve({ failure });
    };
    const reloads = new Reloader(collector, versions, io, fail);
    reloader = reloads;
    removers.push(
      io.onSignal('SIGINT', () => stop('SIGINT')),
      io.onSignal('SIGTERM', () => stop('SIGTERM')),
      io.onSignal('SIGHUP', () => void reloads.onSignal(SIGNAL_WORDS.SIGHUP)),
    );
    collector.on('error', (failure) => {
      collector.log('error', 'Asynchronous error received, terminating process', { error: failure.message });
      fail(failure);
    });
  });
  return {
    happened,
    wasCut: () => cut,
    settled: async () => reloader?.settled(),
    remove() {
      for (const remove of removers) remove();
    },
  };
}

function cutShort(collector: Collector, io: CliIo): void {
  void collector.close({ deadlineMs: 0 });
  setTimeout(() => io.exit(1), CUT_SHORT_MS).unref();
}
