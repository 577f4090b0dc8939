import { Code, ConnectError } from '@connectrpc/connect'
import { afterEach, expect, it } from 'vitest'
import { closeAll, guardedShop, keyed, shopClient } from './server.ts'

afterEach(closeAll)

it.each([
  ['a promise', async () => 'release'],
  ['a misspelt word', () => 'relase'],
])('an `outcome` that answers %s: the code decides', async (_, outcome) => {
  const reported: unknown[] = []
  const shop = await guardedShop(
    () => {
      throw new ConnectError('no', Code.Unavailable)
    },
    { outcome: outcome as never },
    { onListenerError: (error) => reported.push(String(error)) },
  )
  const client = shopClient(shop.port, 'connect')
  for (let call = 0; call < 2; call++)
    await expect(client.place({ id: 'a' }, keyed('a'))).rejects.toMatchObject({ rawMessage: 'no' })
  expect(shop.runs).toEqual({ Place: 2 })
  expect(String(reported)).toContain("option `outcome` must be one of 'final', 'release'")
})
