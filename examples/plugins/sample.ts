/**
 * Custom sampling: keeps errors and slow spans, and of the rest a share of the traces. Spans of a trace share their fate
 * by its id, in every worker and process alike.
 */
import { definePlugin, StatusCode } from 'teleferric/plugin';

interface Options {
  /** Share of traces to keep, 0 to 1. */
  readonly ratio: number;
  /** Spans that take longer are kept, milliseconds. */
  readonly slowMs: number;
}

export default definePlugin<Options>({
  options({ ratio = 0.1, slowMs = 1000 }) {
    if (typeof ratio !== 'number' || !(ratio >= 0 && ratio <= 1)) throw new RangeError('ratio must be from 0 to 1');
    if (typeof slowMs !== 'number' || !(slowMs >= 0)) throw new RangeError('slowMs must not be negative');
    return { ratio, slowMs };
  },

  process(batch, { options: { ratio, slowMs } }) {
    const slowNs = BigInt(Math.round(slowMs * 1e6));
    for (const span of batch.spans()) {
      if (span.status.code === StatusCode.ERROR) continue;
      if (span.endTimeUnixNano - span.startTimeUnixNano > slowNs) continue;
      // The last bytes of a trace id are random.
      if (parseInt(span.traceId.slice(-8), 16) / 0x1_0000_0000 >= ratio) span.drop();
    }
  },
});
