// The service behind the proxy: it knows nothing of keys. Started by proxy.mjs.
import { createServer } from 'node:http'
import { resultJson } from '../workload.mjs'

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.statusCode = 201
    // Without `writeHead`, so that Node sets content-length.
    response.setHeader('content-type', 'application/json').end(resultJson)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: Object(server.address()).port }))
