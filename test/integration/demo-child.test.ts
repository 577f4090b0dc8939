import { afterEach, expect, it } from 'vitest'
import { startChild } from '../../demo/orders/system/child.ts'
import type { WorkerSetup } from '../../demo/orders/system/messages.ts'

const node = process.execPath
afterEach(() => {
  process.execPath = node
})

it('a worker that cannot be started is told, and stopping it ends', async () => {
  process.execPath = '/nowhere/node'
  const broken = await new Promise<Error>((resolve) => {
    const child = startChild('shop', { role: 'shop' } as unknown as WorkerSetup, {
      onBroken: (error) => void child.stop().then(() => resolve(error)),
    })
  })
  expect(broken.message).toContain('ENOENT')
}, 5_000)
