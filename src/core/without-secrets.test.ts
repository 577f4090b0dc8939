import { expect, it } from 'vitest'
import { withoutSecrets } from './without-secrets.ts'

it.each([
  ['postgres://me:secret@host:5432/shop', 'postgres://…@host:5432/shop'],
  ['redis+cluster://:se/cr@et@a:1,b:2', 'redis+cluster://…@a:1,b:2'],
  ['https://me:se?cr#et@host/', 'https://…@host/'],
  ['mysql://host/shop?password=secret', 'mysql://host/shop?…'],
  ['https://host/#token=secret', 'https://host/#…'],
  ['//me:secret@host', '//…@host'],
  ['me:secret\n@host', 'me:…@host'],
  ['mysql://root:hunter2/db', 'mysql://root:…'],
  ['redis://default:hunter/2', 'redis://default:…'],
  ['redis+cluster://a:1,b:hunter2', 'redis+cluster://a:…'],
  ['redis+cluster://a:7000,[::1]:7001/', 'redis+cluster://a:7000,[::1]:7001/'],
  ['sqlite:orders.db', 'sqlite:orders.db'],
  ['', ''],
])('%j is shown as %j', (url, shown) => {
  expect(withoutSecrets(url)).toBe(shown)
})
