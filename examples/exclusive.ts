// A lock: one effect at a time for each key, nothing is remembered, and a fence for whoever can check it.
import { onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'reports', onInFlight: 'wait', waitMs: 5_000 })
const fences: number[] = []
let inside = 0

const rebuild = () =>
  once.exclusive('monthly', async (op) => {
    inside++
    fences.push(op.fence)
    if (inside > 1) throw new Error('two at a time')
    await new Promise((resolve) => setTimeout(resolve, 20))
    inside--
  })

await Promise.all([rebuild(), rebuild(), rebuild()])
console.log('runs', fences.length)
console.log(
  'fences grow',
  fences.every((fence, index) => index === 0 || fence > (fences[index - 1] ?? 0)),
)

// prints: runs 3
// prints: fences grow true
