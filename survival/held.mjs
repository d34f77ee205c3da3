// What this process holds, as Linux tells it. Needs --expose-gc.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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
      files: readdirSync('/proc/self/fd').filter(isOurs).length,
      handles: process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length,
      rssKib: number('VmRSS'),
      mallocKib: mallocKib(),
      heapKib: Math.round(process.memoryUsage().heapUsed / 1024),
    });
  }
  const least = (name) => Math.min(...looks.map((look) => look[name]));
  const names = ['threads', 'files', 'handles', 'rssKib', 'mallocKib', 'heapKib'];
  return Object.fromEntries(names.map((name) => [name, least(name)]));
}

/** What the C library's allocator has in memory, where it has one arena and maps nothing by itself. */
function mallocKib() {
  const [, rss] = /\[heap\]\n(?:.*\n)*?Rss:\s+(\d+)/.exec(readFileSync('/proc/self/smaps', 'utf8')) ?? [];
  return Number(rss ?? 0);
}

/** Whether a descriptor is no file of a module: Node leaves those open whose loading the end of a worker cuts short. */
function isOurs(descriptor) {
  try {
    return !/\.(?:m?js|json)$/.test(readlinkSync(`/proc/self/fd/${descriptor}`));
  } catch {
    // It was the one by which the folder was read.
    return false;
  }
}
