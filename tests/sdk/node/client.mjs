// The official SDK, with a transport that writes every answer down for the check against the schema.
import { appendFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import Stripe from 'stripe';

const server = new URL(process.env.FLORIN_URL ?? 'http://127.0.0.1:8420');
const captures = process.env.FLORIN_CAPTURES;

export const secretKey = process.env.FLORIN_SECRET_KEY;
export const publishableKey = secretKey.replace('sk_test_', 'pk_test_');

const lowerCase = (headers) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));

// The SDK's own client for Node; what its answers parse to is noted, the last one also for tests to look at.
function capturingClient(seen) {
  const inner = Stripe.createNodeHttpClient();
  const makeRequest = inner.makeRequest.bind(inner);
  inner.makeRequest = async (host, port, path, method, headers, data, protocol, timeout) => {
    const response = await makeRequest(host, port, path, method, headers, data, protocol, timeout);
    const toJSON = response.toJSON.bind(response);
    response.toJSON = async () => {
      const body = await toJSON();
      const exchange = {
        method,
        path,
        sent: data ? String(data) : '',
        status: response.getStatusCode(),
        headers: lowerCase(response.getHeaders()),
        request_headers: lowerCase(headers),
        body,
      };
      seen.last = exchange;
      if (captures) appendFileSync(captures, JSON.stringify(exchange) + '\n');
      return body;
    };
    return response;
  };
  return inner;
}

/** A client, and `seen.last`, the newest answer as it came. */
export function connect(key = secretKey) {
  const seen = {};
  const stripe = new Stripe(key, {
    protocol: server.protocol.replace(':', ''),
    host: server.hostname,
    port: Number(server.port),
    httpClient: capturingClient(seen),
    maxNetworkRetries: 0,
    telemetry: false,
    timeout: 20_000,
  });
  return { stripe, seen };
}

export const unique = () => randomUUID().replaceAll('-', '').slice(0, 20);

export const pay = (stripe, params = {}, options = {}) =>
  stripe.paymentIntents.create(
    { amount: 2000, currency: 'usd', payment_method: 'pm_card_visa', confirm: true, ...params },
    options,
  );

/** Opens the hosted 3-D Secure page and presses a button whose form or text matches. */
export async function answerChallenge(url, wanted) {
  const html = await (await fetch(url)).text();
  for (const [, attributes, inside] of html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)) {
    const action = attribute(attributes, 'action') ?? '';
    const fields = new URLSearchParams();
    for (const [, input] of inside.matchAll(/<input([^>]*)>/g)) {
      if (attribute(input, 'name')) fields.set(attribute(input, 'name'), attribute(input, 'value') ?? '');
    }
    for (const [, button, text] of inside.matchAll(/<button([^>]*)>([\s\S]*?)<\/button>/g)) {
      if (!wanted.test(`${button} ${text} ${action}`)) continue;
      if (attribute(button, 'name')) fields.set(attribute(button, 'name'), attribute(button, 'value') ?? '');
      return fetch(new URL(action, url), { method: 'POST', body: fields, redirect: 'manual' });
    }
  }
  throw new Error(`the page has no button for ${wanted}`);
}

function attribute(text, name) {
  const found = text.match(new RegExp(`\\b${name}="([^"]*)"`));
  return found?.[1].replaceAll('&amp;', '&');
}
