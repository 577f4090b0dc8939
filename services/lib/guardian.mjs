// Briefly outlives its owner, to end what the owner started. The owner holds the other end of our stdin, which closes
// when the owner is gone, also after SIGKILL.
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** @type {Set<number>} */
const pids = new Set()
/** @type {Set<string>} */
const folders = new Set()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const [what, value = ''] = /** @type {[string, string]} */ (JSON.parse(line))
  if (what === 'process') pids.add(Number(value))
  if (what === 'forget') pids.delete(Number(value))
  if (what === 'folder') folders.add(value)
  if (what === 'done') folders.delete(value)
}

for (const pid of pids) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It had ended already.
  }
}
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
