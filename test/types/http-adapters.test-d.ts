import express from 'express'
import fastify, { type FastifyRequest } from 'fastify'
import Koa from 'koa'
import { expectTypeOf, test } from 'vitest'
import * as forExpress from '../../src/http/express.ts'
import * as forFastify from '../../src/http/fastify.ts'
import * as forKoa from '../../src/http/koa.ts'
import { Idempotent, OnlyonceModule, type OnlyonceModuleOptions } from '../../src/http/nestjs/index.ts'
import { type AnyOnce, type Once, onlyonce } from '../../src/index.ts'
import type { PgTx, PostgresStore } from '../../src/stores/postgres/index.ts'

declare const once: Once
const transactional = onlyonce({ store: {} as PostgresStore, scope: 'test' })

test('the real requests, contexts and replies fit our structural types', () => {
  expectTypeOf<express.Request>().toExtend<forExpress.ExpressRequest>()
  expectTypeOf<Koa.Context>().toExtend<forKoa.KoaContext>()
  expectTypeOf<FastifyRequest>().toExtend<forFastify.FastifyRequestLike>()
})

test('what is made fits where the frameworks take it', () => {
  express().use(forExpress.idempotency(once, { scope: ({ request }) => request.originalUrl }))
  express().use(forExpress.idempotency<express.Request>(once, { scope: ({ request }) => request.ip ?? '' }))
  new Koa().use(forKoa.idempotency(once, { scope: ({ request }) => request.originalUrl }))
  new Koa().use(forKoa.idempotency<Koa.Context>(once, { scope: ({ request }) => request.state.user }))
  fastify().register(forFastify.idempotency, { once, scope: 'public' })
  fastify().register(forFastify.idempotency, {
    once,
    scope: ({ request }: forFastify.HttpCall<FastifyRequest>) => request.ip,
  })
  fastify().post('/x', { config: { idempotency: false } }, async () => ({}))
})

test('a store with transactions fits as well', () => {
  forExpress.idempotency<express.Request>(transactional, { scope: ({ request }) => request.ip ?? '', atomic: true })
  forKoa.idempotency<Koa.Context>(transactional, { scope: ({ request }) => request.state.user, atomic: true })
  fastify().register(forFastify.idempotency, { once: transactional, scope: 'public', atomic: true })
  OnlyonceModule.forRoot({ once: transactional, scope: 'public', atomic: true })
  OnlyonceModule.forRootAsync({ useFactory: () => ({ once: transactional, scope: 'public', atomic: true }) })
  OnlyonceModule.forRootAsync({ useFactory: (engine: AnyOnce) => ({ once: engine, scope: 'public' }) })
  expectTypeOf(forExpress.txOf<PgTx>({})).toEqualTypeOf<PgTx | undefined>()
})

test('the scope is required, and options are known by name', () => {
  // @ts-expect-error nobody said who is asking
  forExpress.idempotency(once, {})
  // @ts-expect-error not an option
  forKoa.idempotency(once, { scope: 'public', leaseMS: 1 })
  // @ts-expect-error not an option
  Idempotent({ requird: true })
  // @ts-expect-error there is no engine
  OnlyonceModule.forRoot({ scope: 'public' })
  expectTypeOf<OnlyonceModuleOptions>().toHaveProperty('once')
})
