/**
 * `endpoints` and `endpoint_policy` of exporters: keys, rules and the native form. Keys of teleferric's own; Collectors
 * have none.
 */
import { ns } from '../schema/duration.js';
import { block, defaultOfSpec, duration, float, int, key, list, object, string } from '../schema/spec.js';
import type { Infer, ObjectOf, Report } from '../schema/spec.js';

/** As many as the core can tell apart. */
const ENDPOINTS_MAX = 64;

const endpoint = object(
  {
    url: key(string(), '', 'Where to send, written as `endpoint` is'),
    priority: key(int({ min: 0, max: 1_000 }), 0, 'Lower is better; `endpoint` has 0'),
    weight: key(int({ min: 1, max: 1_000 }), 1, 'Share among the endpoints of its priority; `endpoint` has 1'),
  },
  {
    validate: ({ url }, report) => {
      if (url === '') report('requires a non-empty "url"', 'url');
    },
  },
);

const policy = object({
  max_ejected: key(
    float({ min: 0, max: 1 }),
    0.5,
    'Share of the endpoints of a priority that may be out before the next priority takes over',
  ),
  failback_after: key(
    duration(),
    ns('30s'),
    'How long endpoints must have been healthy for a priority that was left to take over again',
  ),
  ramp: key(duration(), ns('30s'), 'In what time an endpoint or a priority that came back gets its whole share again'),
});

/** The keys. */
export const endpointFields = {
  endpoints: key(list(endpoint), [], 'Endpoints beside `endpoint` that stand in for it and for each other'),
  endpoint_policy: block(policy, 'How several endpoints are used'),
};

/** Decoded endpoints. */
type Endpoints = ObjectOf<typeof endpointFields>;

/** For exporters that have one endpoint in any case. */
export const NO_ENDPOINTS: Endpoints = {
  endpoints: [],
  endpoint_policy: defaultOfSpec(policy) as Infer<typeof policy>,
};

/** @param reasonAgainst what is wrong with a URL, if anything is */
export function checkEndpoints(
  { endpoints }: Endpoints,
  reasonAgainst: (url: string) => string | null,
  report: Report,
): void {
  if (endpoints.length >= ENDPOINTS_MAX) report(`'endpoints' must be fewer than ${ENDPOINTS_MAX}`, 'endpoints');
  for (const [index, { url }] of endpoints.entries()) {
    const reason = url === '' ? null : reasonAgainst(url);
    if (reason !== null) report(reason, 'endpoints', String(index), 'url');
  }
}

/** @returns both keys, which the core knows by the same names */
export function toNativeEndpoints(exporter: Endpoints): {
  endpoints: { url: string; priority: number; weight: number }[];
  endpoint_policy: Infer<typeof policy>;
} {
  return { endpoints: exporter.endpoints.map((each) => ({ ...each })), endpoint_policy: exporter.endpoint_policy };
}
