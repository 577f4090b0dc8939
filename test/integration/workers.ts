import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { bundled } from '../support/bundle.ts'
import { later } from '../support/leftovers.ts'
import { sleepMs } from '../support/waiting.ts'

interface Fates {
  /** How many run side by side; 2 unless told otherwise. */
  readonly count?: number
  /** How many are killed from outside, at any moment; the others die of what they are given, if at all. */
  readonly kills: number
  /** The soonest that a process is killed; the latest is twice that. */
  readonly afterMs?: number
}

/**
 * The `maxAttempts` under which only a message that kills is put aside, however the kills fall: each from outside may take
 * one start of the same innocent message with it, so may the first run of the killer, a message that was only fetched counts as
 * started, and then it needs a start of its own.
 */
export const attemptsBeside = (kills: number) => kills + 3

/** Keeps processes of a worker running until the test is over: each that ends is followed by another one. */
export async function workers(name: string, args: readonly string[], { count = 2, kills, afterMs = 500 }: Fates) {
  const worker = await bundled(`test/integration/${name}.ts`)
  const living = new Set<ChildProcess>()
  let over = false
  let lives = 0
  let killed = 0
  const live = () => {
    lives++
    const child = spawn(process.execPath, [worker, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
    living.add(child)
    child.once('exit', () => {
      living.delete(child)
      if (!over) live()
    })
    if (killed >= kills) return
    void sleepMs(afterMs * (1 + Math.random())).then(() => {
      if (killed < kills && living.has(child) && child.kill('SIGKILL')) killed++
    })
  }
  for (let i = 0; i < count; i++) live()
  later(async () => {
    over = true
    const ended = [...living].map((child) => once(child, 'exit'))
    for (const child of living) child.kill('SIGKILL')
    await Promise.all(ended)
  })
  return { lives: () => lives, kills: () => killed }
}
