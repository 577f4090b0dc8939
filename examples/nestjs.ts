// A NestJS handler that is asked twice: it runs once, and the second client gets the first one's answer.
// The decorators are called as functions, so that this file needs no compiler options; in yours they stand as `@Post()`.
import 'reflect-metadata'
import { Body, Controller, Module, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'
import { Idempotent, OnlyonceModule } from 'onlyonce/nestjs'

const once = onlyonce({ store: memoryStore(), scope: 'shop' })

class OrdersController {
  pay({ amount }: { amount: number }) {
    console.log('charging', amount)
    return { order: 1 }
  }
}
const pay = Object.getOwnPropertyDescriptor(OrdersController.prototype, 'pay') as PropertyDescriptor
Post('orders')(OrdersController.prototype, 'pay', pay)
Idempotent({ required: true })(OrdersController.prototype, 'pay', pay)
Body()(OrdersController.prototype, 'pay', 0)
Controller()(OrdersController)

class AppModule {}
Module({
  imports: [OnlyonceModule.forRoot({ once, scope: ({ header }) => header('x-user') ?? 'nobody' })],
  controllers: [OrdersController],
})(AppModule)

const app = await NestFactory.create(AppModule, { logger: false })
await app.listen(0, '127.0.0.1')
for (let attempt = 0; attempt < 2; attempt++) {
  const answer = await fetch(`${await app.getUrl()}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user': 'ann', 'idempotency-key': 'order-1100' },
    body: '{"amount":4200}',
  })
  console.log(answer.status, await answer.text(), answer.headers.get('idempotency-replayed'))
}
await app.close()

// prints: charging 4200
// prints: 201 {"order":1} null
// prints: 201 {"order":1} true
