const assert = require('node:assert/strict')
const { OnlyonceError, onlyonce } = require('onlyonce')
const { memoryStore } = require('onlyonce/memory')

async function main() {
  const once = onlyonce({ store: memoryStore(), scope: 'consumer' })
  let ran = 0
  assert.equal(await once('order:1', async () => ++ran), 1)
  assert.equal(await once('order:1', async () => ++ran), 1)
  assert.equal(ran, 1)
  await once.close()
  // Both module systems get the same copy, or `instanceof` and brand checks would disagree.
  assert.equal((await import('onlyonce')).OnlyonceError, OnlyonceError)
  console.log('ok')
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
