// What this process holds, as Linux tells it. Needs --expose-gc.
import { readdirSync, readFileSync } from 'node:fs';

/** What the process holds now. Threads that have ended may still be on their way out, so the least of some looks counts. */
export async function held() {
  const looks = [];
  for (let look = 0; look < 5; look += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const status = readFileSync('/proc/self/status', 'utf8');
    const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
    looks.push({
      threads: number('Threads'),
      files: readdirSync('/proc/self/fd').length,
      rssKib: number('VmRSS'),
      heapKib: Math.round(process.memoryUsage().heapUsed / 1024),
    });
  }
  const least = (name) => Math.min(...looks.map((look) => look[name]));
  return { threads: least('threads'), files: least('files'), rssKib: least('rssKib'), heapKib: least('heapKib') };
}
