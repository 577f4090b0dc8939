import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { requireBuild, root } from '../built.ts'
import { databaseKind, emptyDatabase } from './databases.ts'
import { promisedOutput, runTypeScript } from './runner.ts'

const dir = join(root, 'examples')
const examples = existsSync(dir)
  ? readdirSync(dir)
      .filter((name) => name.endsWith('.ts'))
      .sort()
  : []

// Their types are checked by `npm run types`, which includes the folder.
describe('examples', () => {
  beforeAll(requireBuild)

  it('exist', () => {
    expect(examples).not.toEqual([])
  })

  it.for(examples)('%s runs', async (name, { skip }) => {
    const code = readFileSync(join(dir, name), 'utf8')
    const kind = databaseKind(code)
    const database = kind === undefined ? undefined : await emptyDatabase(kind)
    if (kind !== undefined && database === undefined) return skip(`there is no ${kind} here`)
    try {
      const env = database === undefined ? {} : { DATABASE_URL: database.url }
      const ran = runTypeScript(`example-${name.replace(/\.ts$/, '')}`, code, env)
      expect(ran, ran.stderr).toMatchObject({ code: 0 })
      const promised = promisedOutput(code)
      if (promised.length > 0) expect(ran.stdout.split('\n').filter((line) => line !== '')).toEqual(promised)
    } finally {
      await database?.drop()
    }
  })
})
