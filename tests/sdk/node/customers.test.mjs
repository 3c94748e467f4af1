import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, pay, publishableKey, unique } from './client.mjs';

const { stripe } = connect();

test('a customer from creation to deletion', async () => {
  const made = await stripe.customers.create({ name: 'Ada', email: `${unique()}@example.com`, metadata: { a: '1', b: '2' } });
  const changed = await stripe.customers.update(made.id, { metadata: { a: '', c: '3' }, description: 'first' });
  assert.deepEqual({ ...changed.metadata }, { b: '2', c: '3' });
  const listed = await stripe.customers.list({ email: made.email });
  assert.deepEqual(listed.data.map((each) => each.id), [made.id]);
  assert.equal((await stripe.customers.del(made.id)).deleted, true);
  assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
});

test('cards of a customer', async () => {
  const owner = await stripe.customers.create({ name: 'Grace' });
  const method = await stripe.paymentMethods.create({
    type: 'card',
    card: { number: '5555555555554444', exp_month: 11, exp_year: 2033, cvc: '123' },
  });
  await stripe.paymentMethods.attach(method.id, { customer: owner.id });
  const listed = await stripe.customers.listPaymentMethods(owner.id);
  assert.deepEqual(listed.data.map((each) => each.card.last4), ['4444']);
  const paid = await pay(stripe, { customer: owner.id, payment_method: method.id, off_session: true });
  assert.equal(paid.status, 'succeeded');
  assert.equal((await stripe.paymentMethods.detach(method.id)).customer, null);
});

test('setting a card up, then paying without the payer', async () => {
  const owner = await stripe.customers.create({ name: 'Edith' });
  const setup = await stripe.setupIntents.create({
    customer: owner.id, payment_method: 'pm_card_visa', payment_method_types: ['card'], confirm: true,
  });
  assert.equal(setup.status, 'succeeded');
  const paid = await pay(stripe, { customer: owner.id, payment_method: setup.payment_method, off_session: true });
  assert.equal(paid.status, 'succeeded');
});

test('the SDK walks pages by itself', async () => {
  const owner = await stripe.customers.create({ name: 'Mary' });
  const made = [];
  for (let index = 0; index < 5; index += 1) made.push((await pay(stripe, { customer: owner.id })).id);
  const walked = [];
  for await (const intent of stripe.paymentIntents.list({ customer: owner.id, limit: 2 })) walked.push(intent.id);
  assert.deepEqual(walked, made.reverse());
});

test('a publishable key confirms with the client secret', async () => {
  const { stripe: shop } = connect(publishableKey);
  const made = await stripe.paymentIntents.create({ amount: 700, currency: 'usd', payment_method_types: ['card'] });
  const paid = await shop.paymentIntents.confirm(made.id, { client_secret: made.client_secret, payment_method: 'pm_card_visa' });
  assert.equal(paid.status, 'succeeded');
  assert.equal(paid.metadata, undefined);
  await assert.rejects(shop.customers.list());
});
