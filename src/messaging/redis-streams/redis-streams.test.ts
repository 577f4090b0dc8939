import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { luaModule } from '../../../scripts/generate-lua.mjs'
import { deliveryOf, fieldsOf } from './entry.ts'
import { deadStream } from './options.ts'
import { addition, hasIdmp } from './publish.ts'

const entry = (at: string, ...words: string[]) => ({ at, fields: words.map((word) => Buffer.from(word)) })

describe('the module of scripts', () => {
  it('is what its generator makes of the Lua files: run `node scripts/generate-lua.mjs`', () => {
    const source = readFileSync(new URL('./scripts/source.ts', import.meta.url), 'utf8')
    expect(source).toBe(luaModule('src/messaging/redis-streams/scripts'))
  })
})

describe('an entry', () => {
  it('is read as it was written', () => {
    const message = { id: 'a', body: Buffer.from([0, 255]), headers: { h: 'é' }, orderingKey: 'k' }
    const fields = fieldsOf(message).map((word) => Buffer.from(word as string))
    expect(deliveryOf('s', { at: '1700000000000-3', fields })).toEqual({
      ...message,
      source: 's',
      coordinates: 's:1700000000000-3',
      publishedAt: 1_700_000_000_000,
    })
  })

  it.each([
    ['has a field twice', ['id', 'a', 'body', 'x', 'body', 'y'], 'x'],
    ['has headers that are none', ['id', 'a', 'headers', '{'], ''],
  ])('that %s is unreadable, whatever its key is made of', (_, words, body) => {
    const delivery = deliveryOf('s', entry('1700000000000-3', ...words))
    expect(delivery).toMatchObject({ id: '', unreadable: expect.stringContaining('cannot be read') })
    expect(Buffer.from(delivery.body).toString()).toBe(body)
  })

  it('whose place is no time has no time', () => {
    expect(deliveryOf('s', entry('17-1', 'id', 'a')).publishedAt).toBeUndefined()
    expect(deliveryOf('s', entry('1000000000000-0', 'id', 'a')).publishedAt).toBe(1_000_000_000_000)
  })

  it('gives foreign fields as headers, and headers win over them', () => {
    const { headers } = deliveryOf('s', entry('1-1', 'id', 'a', 'x', 'field', 'y', '2', 'headers', '{"x":"header"}'))
    expect(headers).toEqual({ x: 'header', y: '2' })
  })

  it('gives a foreign field as a header whatever its name, also when its value is no text', () => {
    const fields = ['id', 'a', 'constructor', 'Ferrari', 'toString'].map((word) => Buffer.from(word))
    const { id, headers } = deliveryOf('s', { at: '1-1', fields: [...fields, Buffer.from([0xff])] })
    expect([id, headers]).toEqual(['a', { constructor: 'Ferrari', toString: '\ufffd' }])
  })

  it('with a field of ours twice, or with headers that are no texts, has no id', () => {
    for (const words of [
      ['id', 'a', 'id', 'a'],
      ['id', 'a', 'body', 'x', 'body', 'y'],
      ['id', 'a', 'headers', 'null'],
      ['id', 'a', 'headers', '{"a":1}'],
      ['id', 'a', 'headers', 'x'],
    ]) {
      expect(deliveryOf('s', entry('1-1', ...words)).id, words.join()).toBe('')
    }
    const broken = deliveryOf('s', entry('1-1', 'body', 'first', 'id', 'a', 'id', 'b'))
    expect(Buffer.from(broken.body).toString()).toBe('first')
  })
})

describe('publishing', () => {
  it('names producer and message to a Redis that stores a message once, and not to others', () => {
    const message = { id: 'a', topic: 't', body: new Uint8Array(), headers: {} }
    const rest = ['*', 'id', 'a', 'body', Buffer.alloc(0), 'headers', '{}']
    expect(addition('s', message, undefined)).toEqual(['XADD', 's', ...rest])
    expect(addition('s', message, 'p')).toEqual(['XADD', 's', 'IDMP', 'p', 'a', ...rest])
  })

  it('knows by the version which Redis does', () => {
    const info = (version: string) => `# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n`
    const versions = ['7.0.15', '8.5.9', '8.6.0', '8.10.1', '9.0.0']
    expect(versions.map((version) => hasIdmp(info(version)))).toEqual([false, false, true, true, true])
    expect(hasIdmp(`server_name:valkey\r\n${info('9.0.0')}`)).toBe(false)
    expect(hasIdmp('')).toBe(false)
  })
})

it('the dead stream is in the slot of its stream', () => {
  expect(deadStream('orders')).toBe('{orders}:dead')
  expect(deadStream('{shop}orders')).toBe('{shop}orders:dead')
})
