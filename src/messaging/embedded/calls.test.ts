import { describe, expect, it } from 'vitest'
import { open } from '../../../test/queue-kit.ts'

describe('calls of the embedded queue', () => {
  it('refuses a delay that is no number: the message would be due at a time that never comes', async () => {
    const { queue, runtime, add, take, ids } = open()
    await add('a')
    const receipt = (await take())[0]?.receipt as string
    await expect(queue.retry(receipt, '5000' as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(await queue.retry(receipt, 5_000)).toBe('ok')
    await runtime.advance(5_000)
    expect(await ids()).toEqual(['a'])
  })

  it('commits the calls of others when one is given what is no receipt', async () => {
    const { queue, add, take } = open()
    await add('a')
    const receipt = (await take())[0]?.receipt as string
    const wrong = queue.ack(undefined as never)
    const right = queue.ack(receipt)
    await expect(wrong).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(await right).toBe('ok')
  })

  it('says what is wrong with a call, and not that the file refused', async () => {
    const { queue } = open()
    const calls: readonly (() => Promise<unknown>)[] = [
      () => queue.retry('1.x', undefined as never),
      () => queue.retry('1.x', -1),
      () => queue.extend('1.x', Number.NaN),
      () => queue.deadLetter('1.x', undefined as never),
      () => queue.deadLetter('1.x', 'why', { count: 1n } as never),
      () => queue.hasDue(undefined as never),
      () => queue.deadLetters(undefined as never),
      () => queue.deadLetters('ledger', { limit: 'x' as never }),
      () => queue.deadLetters('ledger', { limt: 1 } as never),
      () => queue.redrive('ledger', 5 as never),
      () => queue.redrive('ledger', [{}] as never),
      () => queue.discard('ledger', undefined as never),
    ]
    for (const call of calls) await expect(call(), String(call)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(await queue.deadLetters('ledger', null as never)).toEqual([])
  })
})
