import { describe, expect, it } from 'vitest'
import { paid, setup } from '../../test/publish-once-kit.ts'

const notThere = (): boolean => false

describe('publishOnce options', () => {
  it.each([
    ['publish', { publish: undefined }],
    ['once', { once: undefined }],
    ['once', { once: {} }],
    ['scope', { once: undefined, alreadyPublished: notThere }],
    ['alreadyPublished', { alreadyPublished: true }],
    ['publishTimeoutMs', { publishTimeoutMs: 0 }],
    ['maxBodyBytes', { maxBodyBytes: 0.5 }],
    ['onAbandoned', { onAbandoned: 'drop' }],
    ['waitMs', { waitMs: -1 }],
    ['runtime', { runtime: {} }],
    ['retentionMs', { once: undefined, scope: 'shop', alreadyPublished: notThere, retentionMs: 60_000 }],
    ['onThrow', { onThrow: 'remember' }],
    ['alreadyPublish', { alreadyPublish: () => true }],
  ])('refuses a bad %s', (name, change) => {
    const { state } = setup()
    expect(() => state(change as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(`\`${name}\``) }),
    )
  })

  it('refuses a message that cannot be sent before anything is recorded', async () => {
    const { state, store } = setup()
    await expect(state()('order:1100', { ...paid, topic: '' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(state({ maxBodyBytes: 3 })('order:1100', paid)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(state()('order:1100', undefined as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect((await store.list({ limit: 1 })).items).toEqual([])
  })
})
