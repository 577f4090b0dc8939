import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type Ran, requireBuild, root } from '../built.ts'

export interface RunningDemo {
  readonly ended: Promise<Ran>
  /** How many messages the coupon desk was handed so far, in the run with onlyonce. */
  handled(): number
}

/** The built demo with `--json`, in a directory of its own. It does not outlive the test. */
export function startDemo(...args: readonly string[]): RunningDemo {
  requireBuild()
  const dir = mkdtempSync(join(tmpdir(), 'onlyonce-demo-test-'))
  const child = spawn(process.execPath, [join(root, 'dist/demo/orders/main.js'), '--json', ...args], {
    env: { ...process.env, TMPDIR: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text
    })
  }
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, ...said }))
  })
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await ended
    rmSync(dir, { recursive: true, force: true })
  })
  return {
    ended,
    handled() {
      const run = readdirSync(dir).find((name) => name.startsWith('onlyonce-demo-'))
      if (run === undefined) return 0
      try {
        return readFileSync(join(dir, run, 'onlyonce/deliveries-coupon.log'), 'utf8').split('\n').length
      } catch {
        return 0
      }
    },
  }
}

/** Every order charged, completed and rewarded once, and the messages all published. */
export function expectClean({ code, stdout, stderr }: Ran, orders: number): void {
  expect(code, stderr).toBe(0)
  const { expectedPence, onlyonce } = JSON.parse(stdout)
  expect(onlyonce).toMatchObject({
    chargedPence: expectedPence,
    doubleCharges: 0,
    lostOrders: 0,
    doubleCoupons: 0,
    lostCoupons: 0,
    wrongBalances: 0,
    unpublished: 0,
  })
  expect(onlyonce.duplicates).toBeGreaterThan(orders / 2)
}
