import type { IncomingMessage, ServerResponse } from 'node:http'
import { createGzip, type Gzip } from 'node:zlib'

/** What `compression` does to a response: takes `write` and `end` over, and sets its header when the head is written. */
export function squeeze(req: IncomingMessage, res: ServerResponse, next: () => void): void {
  const { write, end, writeHead } = res
  let gzip: Gzip | undefined
  const begin = () => {
    if (gzip !== undefined || res.headersSent) return gzip
    const wanted = req.headers['accept-encoding']?.includes('gzip') === true
    if (!wanted || res.hasHeader('content-encoding')) return undefined
    gzip = createGzip()
    gzip.on('data', (chunk: Buffer) => void write.call(res, chunk, 'utf8'))
    gzip.on('end', () => void end.apply(res, [] as never))
    return gzip
  }
  const replace = (name: 'write' | 'end', value: unknown) => Object.assign(res, { [name]: value })
  res.writeHead = (...words: unknown[]) => {
    if (gzip !== undefined) {
      res.setHeader('content-encoding', 'gzip')
      res.removeHeader('content-length')
    }
    return writeHead.apply(res, words as never)
  }
  replace('write', (...words: unknown[]) => {
    const stream = begin()
    if (stream === undefined) return write.apply(res, words as never)
    if (!res.headersSent) res.writeHead(res.statusCode)
    return stream.write(...(words as [Buffer]))
  })
  replace('end', (...words: unknown[]) => {
    const stream = begin()
    if (stream === undefined) return end.apply(res, words as never)
    if (!res.headersSent) res.writeHead(res.statusCode)
    stream.end(...(words as [Buffer]))
    return res
  })
  next()
}
