import { Answers } from '../../../src/binding/index.js';
import { byTurns, type ToldAnswer } from './fake-binding.js';

const ACCEPTED = '{"outcome":"accepted"}';

/** Answers of a source that tells what the test says. */
function begin(): { readonly answers: Answers; readonly tell: (...told: ToldAnswer[]) => void } {
  const waiting: ToldAnswer[] = [];
  const answers = new Answers({ takeAnswers: () => byTurns(waiting.splice(0)) });
  const tell = (...told: ToldAnswer[]): void => {
    waiting.push(...told);
    answers.settle();
  };
  return { answers, tell };
}

/** Timers that keep the process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

test('outcomes keep the process alive until the last of them is known', async () => {
  const before = timers();
  const { answers, tell } = begin();
  const numbers: number[] = [];
  const outcomes = [1, 2].map(() => answers.outcome((number) => void numbers.push(number)));
  expect(timers()).toBe(before + 1);
  tell({ number: numbers[1] ?? -1, head: ACCEPTED, body: '' });
  expect(timers()).toBe(before + 1);
  tell({ number: numbers[0] ?? -1, head: ACCEPTED, body: '' });
  expect(timers()).toBe(before);
  await expect(Promise.all(outcomes)).resolves.toEqual([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
});

test('what a sender with a socket waits for does not keep the process alive', async () => {
  const before = timers();
  const { answers, tell } = begin();
  const number = answers.next();
  const answer = answers.answer(number, (_head, body) => body);
  expect(timers()).toBe(before);
  tell({ number, head: '{}', body: 'text' }, { number, head: '{}', body: 'again' });
  await expect(answer).resolves.toBe('text');
});

test('a request that the core does not take waits for nothing', async () => {
  const before = timers();
  const { answers } = begin();
  const refused = answers.outcome(() => {
    throw new Error('misuse');
  });
  await expect(refused).rejects.toThrow('misuse');
  expect(timers()).toBe(before);
});

test('an addon that fails lets go of the process', async () => {
  const before = timers();
  const { answers, tell } = begin();
  const outcomes = [1, 2].map(() => answers.outcome(() => {}));
  const failed = Promise.all(outcomes.map((outcome) => expect(outcome).rejects.toMatchObject({ code: 'INTERNAL' })));
  tell({ number: 0, head: null, body: '' });
  await failed;
  expect(timers()).toBe(before);
});
