// A TCP proxy as a process of its own, so that a whole endpoint can be killed, stopped, or made to swallow what it gets.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { keep } from './process.mjs';

/** Connections that wait to be taken: when a stopped process has these, others get no answer at all. */
const BACKLOG = 16;
const OWN_PATH = fileURLToPath(import.meta.url);

export class Proxy {
  #child = null;
  port = 0;

  constructor(targetPort) {
    this.targetPort = targetPort;
  }

  async start() {
    this.#child = keep(fork(OWN_PATH, [String(this.port), String(this.targetPort)]));
    [this.port] = await once(this.#child, 'message');
  }

  /** The kernel resets its connections, and nobody listens. */
  async kill() {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  /** It holds its connections and does nothing. */
  stop() {
    this.#child.kill('SIGSTOP');
  }

  continue() {
    this.#child.kill('SIGCONT');
  }

  /** Whether everything that comes is taken and goes nowhere, on old connections and new ones. */
  swallow(isOn) {
    this.#child.send(isOn);
  }
}

let swallows = false;

/** What runs in the process. */
function serve(port, targetPort) {
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    pass(near, far);
    pass(far, near);
  });
  server.listen({ port, host: '127.0.0.1', backlog: BACKLOG }, () => process.send(server.address().port));
  process.on('message', (isOn) => {
    swallows = isOn;
  });
  process.once('disconnect', () => process.exit());
}

function pass(from, to) {
  from.on('data', (chunk) => swallows || to.write(chunk));
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}

if (process.argv[1] === OWN_PATH) serve(Number(process.argv[2]), Number(process.argv[3]));
