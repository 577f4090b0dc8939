import { contestTable } from '../../contest-table.mjs'

/** What readers of the ratios must know about each side. */
const NOTES = [
  'onlyonce: the mark that a message was handled is in the transaction of its row, so that a message delivered once more has no effect. The embedded queue is a file beside the database; from outbox to inbox everything is in the database.',
  'pg-transactional-outbox: the same guarantee, by the id in its table, for a message that was stored there before. Its storing, a transaction of its own for each message, is not measured. Each of its polls sorts all that is waiting, so few are.',
  'pg-boss: completion is in the transaction of the row. A message that is sent once more under its id is refused while the finished job is kept, 7 days by default. Eight transactions at a time, because its workers need connections to fetch. It asks for Node 22.12.',
  'DBOS: the checkpoint of the step is in the transaction of the row. The workflow is recorded besides, in a database of its own, so that one of several steps would be resumed. Its data source and itself of one version, because a data source of another did not load.',
]

/** @param {readonly import('./entrants.mjs').Row[]} rows */
export function vsTable(rows) {
  const all = rows.flatMap(({ sides }) => sides)
  const isThere = (/** @type {string} */ note) => all.some(({ what }) => note.split(':')[0] === what.split(':')[0])
  const absent = new Map(rows.flatMap((row) => row.absent.map(({ name, why }) => [name, why])))
  const notes = [...NOTES.filter(isThere), ...[...absent].map(([name, why]) => `${name} is left out: ${why}`)]
  return [contestTable(rows), '', ...notes.map((note) => `- ${note}`)].join('\n')
}
