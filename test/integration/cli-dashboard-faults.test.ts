import { expect, it } from 'vitest'
import { at, opened, seenIn } from './cli-dashboard-kit.ts'
import { abandoned } from './cli-kit.ts'

it('a store that fails is told, and the dashboard goes on', async () => {
  let isDown = true
  const { get, logged } = await opened({}, (atHand) => ({
    ...atHand,
    list: (query) => (isDown ? Promise.reject(new Error('connection <lost>')) : atHand.list(query)),
  }))
  const { status, text } = await get('?view=operations')
  expect(status).toBe(500)
  expect(text).toContain('connection &#60;lost&#62;')
  expect(logged).toEqual(['connection <lost>'])
  isDown = false
  expect((await get('?view=operations')).status).toBe(200)
})

it('what was done is said also where the store does not answer afterwards', async () => {
  await abandoned('a')
  let isDone = false
  const { get, post, logged } = await opened({}, (atHand) => ({
    ...atHand,
    find: (ids) => (isDone ? Promise.reject(new Error('connection lost')) : atHand.find(ids)),
    release: async (leases) => {
      const outcomes = await atHand.release(leases)
      isDone = true
      return outcomes
    },
  }))
  const { status, text } = await post(at('a'), { act: 'release', seen: seenIn((await get(at('a'))).text) })
  expect(status).toBe(200)
  expect(text).toContain('released &#34;a&#34; in scope &#34;payments&#34;')
  expect(text).toContain('connection lost')
  expect(text).not.toContain('Not done')
  expect(logged).toEqual(['released "a" in scope "payments"', 'connection lost'])
})
