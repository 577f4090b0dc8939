import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describeWith } from '../support/services.ts'
import { cli, home } from './cli-kit.ts'

/** What an application's URL may say of itself. The commands look after its store, and migrate it only when told to. */
async function createsNothing(url: string): Promise<void> {
  for (const argv of [['keys', 'ls'], ['sweep'], ['keys', 'forget', 'a', '--scope', 's', '--yes']])
    expect(await cli([...argv, '--store', url])).toMatchObject({ code: 3, out: '' })
  expect(await cli(['doctor', '--store', url])).toMatchObject({ code: 1, err: '' })
}

it('sqlite: `migrate=auto` in the URL lets no command but `migrate` create anything', async () => {
  await createsNothing(`sqlite:${join(home, 'untouched.db')}?migrate=auto`)
})

describeWith('postgres', (server) => {
  it('`migrate=auto` in the URL lets no command but `migrate` create anything', async () => {
    await createsNothing(`${server}?migrate=auto&schema=t${randomBytes(6).toString('hex')}`)
  })
})
