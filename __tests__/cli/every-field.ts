// One request of each signal with every field of OTLP set, each with a value that shows where it went.

const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });

const RESOURCE = {
  attributes: [
    text('resource.text', 'shop'),
    { key: 'resource.int', value: { intValue: '-42' } },
    { key: 'resource.double', value: { doubleValue: 1.25 } },
    { key: 'resource.bool', value: { boolValue: true } },
    { key: 'resource.bytes', value: { bytesValue: 'AQL/' } },
    { key: 'resource.list', value: { arrayValue: { values: [{ stringValue: 'in-list' }, { intValue: '7' }] } } },
    { key: 'resource.map', value: { kvlistValue: { values: [text('in-map', 'nested')] } } },
  ],
  droppedAttributesCount: 501,
};

const SCOPE = {
  name: 'the-scope',
  version: '9.8.7',
  attributes: [text('scope.key', 'scope-value')],
  droppedAttributesCount: 502,
};

const TRACE = '5b8aa5a2d2c872e8321cf37308d69df2';
const SPAN = '051581bf3cb55c13';
const EXEMPLAR = {
  timeUnixNano: '1700000003000000000',
  asDouble: 77.5,
  traceId: TRACE,
  spanId: SPAN,
  filteredAttributes: [text('exemplar.key', 'exemplar-value')],
};
const POINT = {
  startTimeUnixNano: '1700000000000000000',
  timeUnixNano: '1700000001000000000',
  attributes: [text('point.key', 'point-value')],
  flags: 260,
};

export const EVERY_SPAN_FIELD = {
  resourceSpans: [
    {
      resource: RESOURCE,
      schemaUrl: 'https://resource.example/1',
      scopeSpans: [
        {
          scope: SCOPE,
          schemaUrl: 'https://scope.example/1',
          spans: [
            {
              traceId: TRACE,
              spanId: SPAN,
              parentSpanId: '0102030405060708',
              traceState: 'vendor=state',
              flags: 257,
              name: 'GET /cart',
              kind: 3,
              startTimeUnixNano: '1700000000000000001',
              endTimeUnixNano: '1700000002000000002',
              attributes: [text('span.key', 'span-value')],
              droppedAttributesCount: 503,
              events: [
                {
                  timeUnixNano: '1700000001000000003',
                  name: 'the-event',
                  attributes: [text('event.key', 'event-value')],
                  droppedAttributesCount: 504,
                },
              ],
              droppedEventsCount: 505,
              links: [
                {
                  traceId: '000102030405060708090a0b0c0d0e0f',
                  spanId: '0908070605040302',
                  traceState: 'linked=state',
                  attributes: [text('link.key', 'link-value')],
                  droppedAttributesCount: 506,
                  flags: 258,
                },
              ],
              droppedLinksCount: 507,
              status: { message: 'it broke', code: 2 },
            },
          ],
        },
      ],
    },
  ],
};

export const EVERY_LOG_FIELD = {
  resourceLogs: [
    {
      resource: RESOURCE,
      schemaUrl: 'https://resource.example/1',
      scopeLogs: [
        {
          scope: SCOPE,
          schemaUrl: 'https://scope.example/1',
          logRecords: [
            {
              timeUnixNano: '1700000000000000004',
              observedTimeUnixNano: '1700000000000000005',
              severityNumber: 17,
              severityText: 'Failure',
              body: { kvlistValue: { values: [text('body.key', 'body-value')] } },
              attributes: [text('log.key', 'log-value')],
              droppedAttributesCount: 508,
              flags: 259,
              traceId: TRACE,
              spanId: SPAN,
              eventName: 'the.event.name',
            },
          ],
        },
      ],
    },
  ],
};

export const EVERY_METRIC_FIELD = {
  resourceMetrics: [
    {
      resource: RESOURCE,
      schemaUrl: 'https://resource.example/1',
      scopeMetrics: [
        {
          scope: SCOPE,
          schemaUrl: 'https://scope.example/1',
          metrics: [
            {
              name: 'the-gauge',
              description: 'gauge of all fields',
              unit: 'By',
              metadata: [text('metadata.key', 'metadata-value')],
              gauge: { dataPoints: [{ ...POINT, asDouble: 3.5, exemplars: [EXEMPLAR] }] },
            },
            {
              name: 'the-sum',
              sum: { dataPoints: [{ ...POINT, asInt: '-99' }], aggregationTemporality: 2, isMonotonic: true },
            },
            {
              name: 'the-histogram',
              histogram: {
                dataPoints: [
                  {
                    ...POINT,
                    count: '11',
                    sum: 123.5,
                    bucketCounts: ['3', '8'],
                    explicitBounds: [12.5],
                    min: 0.75,
                    max: 98.5,
                  },
                ],
                aggregationTemporality: 1,
              },
            },
            {
              name: 'the-exponential',
              exponentialHistogram: {
                dataPoints: [
                  {
                    ...POINT,
                    count: '31',
                    sum: 456.5,
                    scale: 4,
                    zeroCount: '5',
                    positive: { offset: 2, bucketCounts: ['6', '13'] },
                    negative: { offset: -3, bucketCounts: ['7'] },
                    min: -8.5,
                    max: 65.5,
                    zeroThreshold: 0.125,
                  },
                ],
                aggregationTemporality: 1,
              },
            },
            {
              name: 'the-summary',
              summary: {
                dataPoints: [{ ...POINT, count: '21', sum: 789.5, quantileValues: [{ quantile: 0.95, value: 33.25 }] }],
              },
            },
          ],
        },
      ],
    },
  ],
};
