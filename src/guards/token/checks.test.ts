import { expect, it } from 'vitest'
import { onlyonce } from '../../index.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { tokens } from '../tokens.ts'

it.each(['user:undefined', 'null', 'user-[object Object]'])('%j is no subject that a token is for', async (subject) => {
  const desk = tokens(onlyonce({ store: memoryStore(), scope: 'shop' }))
  const nobody = { subject, operation: 'order_create' }
  const refused = { code: 'OPTION_INVALID', message: expect.stringContaining('option `subject`') }
  await expect(desk.issue(nobody)).rejects.toMatchObject(refused)
  const { token } = await desk.issue({ subject: 'user:1', operation: 'POST /null' })
  await expect(desk.redeem(token, nobody, () => 'ran')).rejects.toMatchObject(refused)
})

it.each([{ scope: 's'.repeat(250) }, { scope: 'shop', maxKeyLength: 31 }])(
  'an engine that could not redeem what is issued is refused: %j',
  async (options) => {
    const refused = expect.objectContaining({ code: 'OPTION_INVALID' })
    expect(() => tokens(onlyonce({ store: memoryStore(), ...options }))).toThrow(refused)
  },
)

it('the longest scope and the shortest keys that leave room for tokens do', async () => {
  const desk = tokens(onlyonce({ store: memoryStore(), scope: 's'.repeat(249), maxKeyLength: 32 }))
  const bound = { subject: 'user:1', operation: 'order_create' }
  const { token } = await desk.issue(bound)
  expect(await desk.redeem(token, bound, () => 'ran')).toBe('ran')
})
