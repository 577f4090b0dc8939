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
