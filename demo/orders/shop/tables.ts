/** Each service has its own tables, and on SQLite its own file. */
export type Service = 'orders' | 'coupons' | 'points'

/** In SQL that SQLite, PostgreSQL and MySQL all understand. */
export const TABLES: Readonly<Record<Service, string>> = {
  orders: `
    CREATE TABLE IF NOT EXISTS orders (
      id VARCHAR(255) PRIMARY KEY, customer VARCHAR(255) NOT NULL, placed_on VARCHAR(10) NOT NULL,
      amount_pence BIGINT NOT NULL, status VARCHAR(20) NOT NULL, charge_id VARCHAR(255)
    )`,
  // A customer may have many coupons, even for one order, so the table cannot detect a repetition.
  coupons: 'CREATE TABLE IF NOT EXISTS coupons (order_id VARCHAR(255) NOT NULL, customer VARCHAR(255) NOT NULL)',
  // Nor can this one: returned goods are booked under the same order.
  points: `
    CREATE TABLE IF NOT EXISTS points (
      order_id VARCHAR(255) NOT NULL, customer VARCHAR(255) NOT NULL, points BIGINT NOT NULL
    )`,
}

/** The order id is the primary key, so a second insert does nothing. */
export const CREATE_ORDER = `
  INSERT INTO orders (id, customer, placed_on, amount_pence, status) VALUES (?, ?, ?, ?, 'created')
  ON CONFLICT DO NOTHING`
