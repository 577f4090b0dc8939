import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import { redisStore } from './index.ts'

const ioredis = { callBuffer: () => expect.fail('it was asked'), isCluster: false, options: {} }

it('a key that is too long for a record is KEY_INVALID', async () => {
  const once = onlyonce({
    store: redisStore({ client: ioredis as never }),
    scope: 's',
    maxKeyLength: 100_000,
  })
  for (const key of ['x'.repeat(65_536), 'é'.repeat(40_000)]) {
    await expect(once(key, () => expect.fail('it ran'))).rejects.toMatchObject({
      code: 'KEY_INVALID',
      message: expect.stringContaining('65,535 bytes'),
    })
  }
})
