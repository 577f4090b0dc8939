// A server that Prometheus can ask what happened.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'
import { prometheus } from 'onlyonce/telemetry'

const once = onlyonce({ store: memoryStore(), scope: 'payments' })
const metrics = prometheus({ payments: once })
const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': metrics.contentType }).end(metrics.text())
})
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))

await once('order:1100', () => 'paid')
await once('order:1100', () => 'paid')
await once('order:1101', () => Promise.reject(new Error('declined'))).catch(() => {})

const { port } = server.address() as AddressInfo
const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
for (const line of text.split('\n')) if (/^onlyonce_(events_total|.*_count).* [1-9]/.test(line)) console.log(line)
server.close()

// prints: onlyonce_events_total{engine="payments",type="claimed"} 2
// prints: onlyonce_events_total{engine="payments",type="executed"} 1
// prints: onlyonce_events_total{engine="payments",type="failed"} 1
// prints: onlyonce_events_total{engine="payments",type="replayed"} 1
// prints: onlyonce_claim_seconds_count{engine="payments"} 2
// prints: onlyonce_effect_seconds_count{engine="payments",outcome="executed"} 1
// prints: onlyonce_effect_seconds_count{engine="payments",outcome="failed"} 1
