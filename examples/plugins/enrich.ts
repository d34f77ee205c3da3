/**
 * Enrichment from a lookup: adds the team that owns a service, from a JSON file that is read once in each worker.
 */
import { readFile } from 'node:fs/promises';

import { definePlugin } from 'teleferric/plugin';

interface Options {
  /** Path of a JSON object: name of the service → name of the team. */
  readonly file: string;
}

let teams: ReadonlyMap<string, string> = new Map();

export default definePlugin<Options>({
  options({ file }) {
    if (typeof file !== 'string') throw new TypeError('file must be a path');
    return { file };
  },

  async setup({ file }, { log }) {
    const table = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
    teams = new Map(Object.entries(table));
    log.info('Teams are known', { services: teams.size });
  },

  process(batch) {
    for (const { attributes } of batch.resources()) {
      const team = teams.get(String(attributes.get('service.name')));
      if (team !== undefined) attributes.set('team', team);
    }
  },
});
