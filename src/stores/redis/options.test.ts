import { expect, it } from 'vitest'
import { redisStore } from './index.ts'

it.each([undefined, null, {}])('given %j it says that it needs a client', (options) => {
  expect(() => redisStore(options as never)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`client`') }),
  )
})
