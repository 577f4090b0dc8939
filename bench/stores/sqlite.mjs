import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { sqliteCases } from '../sqlite.mjs'

/** The cases of `npm run bench` that wait for the disk. @type {import('../sections.mjs').Section} */
export const sqlite = {
  name: 'sqlite',
  table: contestTable,
  cases({ sliceMs }) {
    const home = mkdtempSync(join(tmpdir(), 'onlyonce-bench-'))
    process.once('exit', () => rmSync(home, { recursive: true, force: true }))
    return sqliteCases(home)
      .filter(({ name }) => name.startsWith('sqlite full'))
      .map(({ name, callers, base, ours }) => ({
        name: `${name.replace('sqlite full: ', '')}, ${callers} callers`,
        measure: async () => contest([await base(), await ours()], { callers, sliceMs }),
      }))
  },
}
