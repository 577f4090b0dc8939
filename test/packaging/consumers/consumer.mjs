import assert from 'node:assert/strict'
import { OnlyonceError, onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'consumer' })
let ran = 0
const effect = async () => ++ran

assert.equal(await once('order:1', effect), 1)
assert.equal(await once('order:1', effect), 1)
assert.equal(ran, 1)
await assert.rejects(once('', effect), (error) => OnlyonceError.is(error) && error.code.startsWith('KEY_'))
await once.close()
console.log('ok')
