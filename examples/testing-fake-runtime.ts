// A worker disappears in the middle of its effect, and a test sees what the next one does, without waiting.
import { onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'
import { fakeRuntime, faultyStore } from 'onlyonce/testing'

const runtime = fakeRuntime()
const store = memoryStore({ runtime })
const options = { scope: 'payments', leaseMs: 30_000, maxRunMs: 60_000, runtime }

// The first worker's effect never ends, as if its process had been stopped.
const first = onlyonce({ store, ...options })
void first('order:1100', () => new Promise(() => {})).catch(() => {})
await runtime.advance(10_000)

const second = onlyonce({ store, ...options })
console.log((await second.attempt('order:1100', () => 'charged')).kind)
await runtime.advance(100_000)
console.log(await second.attempt('order:1100', (op) => `charged in attempt ${op.attempt}`).then(Object.keys))

// The answer to the first claim is lost: it is asked again, and the effect still runs once.
const shaky = onlyonce({ store: faultyStore(store, { claim: { 1: { kind: 'lose-reply' } } }), ...options })
const asked = shaky('order:1101', () => console.log('runs once'))
await runtime.advance(1_000)
await asked

// prints: in-flight
// prints: [ 'kind', 'value', 'attempt', 'fence' ]
// prints: runs once
