import { NativeHandle, type HostExchange, type HostRequest } from '../../../src/binding/index.js';
import { FakeAddon, type ToldAnswer } from './fake-binding.js';

const REQUEST: HostRequest = {
  receiver: 'otlp',
  protocol: 'http',
  method: 'POST',
  target: '/v1/traces',
  headers: ['content-type', 'application/x-protobuf'],
  peer: null,
  declared: 0,
  context: null,
};
const OK = { status: 200, headers: ['content-type', 'application/json'], trailers: null };

/** Requests on their way through a handle, which nothing but they refer to. */
function begin(count: number): {
  readonly addon: FakeAddon;
  readonly exchanges: readonly HostExchange[];
  readonly answers: readonly Promise<unknown>[];
  readonly tell: (...answers: ToldAnswer[]) => void;
} {
  const addon = new FakeAddon();
  const handle = new NativeHandle(() => {}, addon);
  const exchanges = Array.from({ length: count }, () => handle.exchange(REQUEST));
  const answers = exchanges.map(({ answer }) => answer);
  const tell = (...told: ToldAnswer[]): void => {
    addon.answers.takeAnswers = () => told.splice(0);
    addon.collectors[0]?.answer();
  };
  return { addon, exchanges, answers, tell };
}

test('each request gets the answer with its number, in any order and one call', async () => {
  const { answers, tell } = begin(3);
  tell(
    { number: 2, head: JSON.stringify({ ...OK, status: 503 }), body: 'later' },
    { number: 0, head: JSON.stringify(OK), body: '{}' },
    { number: 1, head: null, body: '' },
  );
  expect(await Promise.all(answers)).toEqual([{ ...OK, body: '{}' }, null, { ...OK, status: 503, body: 'later' }]);
});

test('answers with the same head are told apart by their bodies', async () => {
  const { answers, tell } = begin(2);
  const head = JSON.stringify({ ...OK, trailers: ['grpc-status', '0'] });
  tell({ number: 0, head, body: 'one' });
  tell({ number: 1, head, body: '\u00ff' });
  const trailers = ['grpc-status', '0'];
  expect(await Promise.all(answers)).toEqual([
    { ...OK, trailers, body: 'one' },
    { ...OK, trailers, body: '\u00ff' },
  ]);
});

test('a sender that has gone away is answered null at once, and a late answer is passed over', async () => {
  const addon = new FakeAddon();
  const exchange = new NativeHandle(() => {}, addon).exchange(REQUEST);
  exchange.abort();
  expect(await exchange.answer).toBeNull();
  addon.answers.takeAnswers = () => [{ number: 0, head: JSON.stringify(OK), body: '' }];
  addon.collectors[0]?.answer();
  expect(addon.calls.at(-1)).toBe('abort');
});

test('an answer for nobody is passed over', async () => {
  const { answers, tell } = begin(1);
  tell({ number: 7, head: JSON.stringify(OK), body: '' }, { number: 0, head: JSON.stringify(OK), body: '' });
  expect(await answers[0]).toEqual({ ...OK, body: '' });
});

test.each<[string, () => ToldAnswer[]]>([
  [
    'throws',
    () => {
      throw new Error('a panic');
    },
  ],
  ['says nonsense', () => [{ number: 0, head: 'fine', body: '' }]],
])('an addon that %s when it is asked for answers fails the requests that wait, and no more', async (_what, take) => {
  const { addon, answers } = begin(2);
  addon.answers.takeAnswers = take;
  addon.collectors[0]?.answer();
  await Promise.all(answers.map((answer) => expect(answer).rejects.toMatchObject({ code: 'INTERNAL' })));
});
