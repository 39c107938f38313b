// An adapter for `refopt verify --command "node adapter.mjs"`: gradient descent and heavy ball.
// Put your own optimizer in the place of `direction`. Answers go to stdout, one JSON line each; logs to stderr.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const receive = async () => JSON.parse((await lines.next()).value ?? '{"cmd": "bye"}');
const send = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const read = ({ f64 }) => f64.map((x) => (typeof x === "string" ? Number(x.replace("inf", "Infinity")) : x));
const word = (x) => (Number.isFinite(x) ? x : String(x).replace("Infinity", "inf").toLowerCase());
const write = (rows, ...shape) => ({ shape, dtype: "float64", f64: rows.flat().map(word) });

function direction(settings, gradient, velocity) {  // the part to replace
  const next = velocity.map((v, i) => (settings.momentum ?? 0) * v + gradient[i]);
  return [next.map((v) => -settings.learning_rate * v), next];
}

const operations = {
  async base_directions(id, { settings, gradients }) {  // along given gradients, row by row
    const [steps, n] = gradients.shape, all = read(gradients), directions = [];
    for (let t = 0, velocity = Array(n).fill(0); t < steps; t++) {
      [directions[t], velocity] = direction(settings, all.slice(t * n, t * n + n), velocity);
    }
    return { directions: write(directions, steps, n) };
  },
  async base_run(id, { settings, theta, steps }) {  // a free run: the runner is asked for values and gradients
    const ask = async (need, x) => (send({ id, need, theta: write(x, n) }), read((await receive()).result));
    const thetas = [read(theta)], values = [], n = thetas[0].length;
    for (let t = 0, velocity = Array(n).fill(0), step; t < steps; t++) {
      [step, velocity] = direction(settings, await ask("gradient", thetas[t]), velocity);
      thetas.push(thetas[t].map((x, i) => x + step[i]));
    }
    for (const x of thetas) values.push(await ask("value", x));
    return { thetas: write(thetas, steps + 1, n), values: write(values, steps + 1) };
  },
};

for (let message, callbacks; (message = await receive()).cmd !== "bye"; ) {
  const { id, cmd, op } = message, given = message.in;
  if (cmd === "hello") {
    callbacks = message.callbacks;
    const about = { name: "my optimizer", version: "0.1", language: `JavaScript, node ${process.version}` };
    send({ id, protocol: "refopt-wire/1", ...about, capabilities: Object.keys(operations), dtypes: ["float64"] });
  } else if (!operations[op]) send({ id, status: "skip", message: "not implemented" });
  else if (!["gradient_descent", "heavy_ball"].includes(given.optimizer) || given.settings.learning_rate.schedule) {
    send({ id, status: "skip", message: "only gradient descent and heavy ball, constant learning rate" });
  } else if (op === "base_run" && !callbacks) send({ id, status: "skip", message: "needs call-backs" });
  else send({ id, status: "ok", out: await operations[op](id, given) });
}
