/**
 * `teleferric send`: makes telemetry, sends it, and says what became of it.
 */
import { GeneratorRun, type GeneratorReport } from '../collector/index.js';
import type { CliIo } from './io.js';
import { planOf, targetOf, type SendFlags } from './send-options.js';

/** How long answers under way may take after an interrupt. */
const END_DEADLINE_MS = 5000;
/** Back to the start of the line, and clear it. */
const REWIND = '\r\u001B[2K';

/** @returns 0 when everything was accepted, 1 otherwise */
export async function send(flags: SendFlags, io: CliIo): Promise<number> {
  const plan = planOf(flags);
  const target = targetOf(flags);
  const live = io.stderr.isTTY === true;
  let latest: GeneratorReport = NOTHING;
  // Listened to before anything is sent, so that an early signal gets its report too.
  const starting = GeneratorRun.start(
    plan,
    target,
    {
      progress(report) {
        latest = report;
        if (live) io.stderr.write(`${REWIND}${progressLine(report)}`);
      },
    },
    io.internals.addon,
  );
  const interrupt = listenForInterrupt(starting, io);
  let run: GeneratorRun | null = null;
  try {
    run = await starting;
    const report = (await Promise.race([run.finished(), interrupt.ended])) ?? latest;
    if (live) io.stderr.write(REWIND);
    io.stdout.write(reportText(report, target.endpoint));
    return isClean(report) ? 0 : 1;
  } finally {
    interrupt.remove();
    run?.stop();
  }
}

/** The first signal stops making and waits for the answers under way; a second does not wait. */
function listenForInterrupt(starting: Promise<GeneratorRun>, io: CliIo): { ended: Promise<null>; remove: () => void } {
  const removers: (() => void)[] = [];
  const ended = new Promise<null>((resolve) => {
    const done = (): void => resolve(null);
    let interrupted = false;
    const end = (): void => {
      if (interrupted) done();
      else void starting.then((run) => run.end(END_DEADLINE_MS)).then(done, done);
      interrupted = true;
    };
    removers.push(io.onSignal('SIGINT', end), io.onSignal('SIGTERM', end));
  });
  return {
    ended,
    remove() {
      for (const remove of removers) remove();
    },
  };
}

const NOTHING: GeneratorReport = {
  accepted: 0,
  partialRejected: 0,
  refused: 0,
  requests: 0,
  errors: [],
  elapsedMs: 0,
};

function isClean({ accepted, partialRejected, refused }: GeneratorReport): boolean {
  return accepted > 0 && partialRejected === 0 && refused === 0;
}

function total({ accepted, partialRejected, refused }: GeneratorReport): number {
  return accepted + partialRejected + refused;
}

/** Accepted items a second. */
function rateOf({ accepted, elapsedMs }: GeneratorReport): number {
  return elapsedMs === 0 ? 0 : (accepted / elapsedMs) * 1000;
}

/** One line while it runs. */
export function progressLine(report: GeneratorReport): string {
  const refused = report.refused + report.partialRejected;
  const parts = [
    `${number(total(report))} items`,
    `${number(rateOf(report))}/s`,
    `${number(report.requests)} requests`,
  ];
  if (refused > 0) parts.push(`${number(refused)} refused`);
  return parts.join('  ');
}

/** The last word: numbers aligned, the first distinct reasons below. */
export function reportText(report: GeneratorReport, endpoint: string): string {
  const rows: (readonly [string, string, string])[] = [
    ['sent', number(total(report)), `items in ${number(report.requests)} requests to ${endpoint}`],
    ['accepted', number(report.accepted), ''],
    ['partial', number(report.partialRejected), report.partialRejected > 0 ? 'refused inside accepted requests' : ''],
    ['refused', number(report.refused), ''],
    ['elapsed', (report.elapsedMs / 1000).toFixed(2), 's'],
    ['rate', number(rateOf(report)), 'items/s'],
  ];
  const width = Math.max(...rows.map(([, value]) => value.length));
  const lines = rows.map(([name, value, note]) => `${name.padEnd(9)} ${value.padStart(width)} ${note}`.trimEnd());
  const reasons = report.errors.map(({ message, count }) => `  ${number(count)} x ${message}`);
  return `${[...lines, ...(reasons.length > 0 ? ['reasons', ...reasons] : [])].join('\n')}\n`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
