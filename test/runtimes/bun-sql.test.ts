import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { variableOf } from '../../services/launch.mjs'
import { root } from '../built.ts'
import { describeWith } from '../support/services.ts'
import { describeOn, ENV } from './programs.ts'

/** They use of vitest what `bun test` has not: `expect.poll`, and `skip` of a case's context. */
const NOT_THERE = ['a rival in another transaction waits', 'where no transaction is open']
const RUN_MS = 60_000

describeOn('bun', (binary) => {
  describeWith('postgres', (url) => {
    it(
      "joins transactions of Bun's own client, and of Drizzle on it",
      async () => {
        const args = ['test', './test/runtimes/bun-sql.ts', '--test-name-pattern', `^(?!.*(${NOT_THERE.join('|')}))`]
        const env = { ...ENV, [variableOf('postgres')]: url }
        const { stderr } = await promisify(execFile)(binary, args, { cwd: root, env })
        expect(Number(/(\d+) pass/.exec(stderr)?.[1])).toBeGreaterThan(20)
      },
      RUN_MS,
    )
  })
})
