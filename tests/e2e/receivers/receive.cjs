// Does with requests what a receiver in JavaScript does, by the libraries that such receivers use. See receive.py.

const fs = require("fs");
const { HTTP } = require("cloudevents");
const { Webhook } = require("standardwebhooks");

const receivers = {
  "standard-webhooks": (headers, body, secret) => {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return "valid";
  },
  "cloud-event": (headers, body) => {
    const text = body.toString();
    const event = HTTP.toEvent({ headers, body: Buffer.from(text).equals(body) ? text : body });
    event.validate();
    const { data, data_base64, ...attributes } = event;
    attributes.time = new Date(attributes.time).getTime() / 1000;
    for (const name of Object.keys(attributes)) {
      if (attributes[name] === undefined) delete attributes[name];
    }
    return {
      attributes,
      data: data_base64 ? { base64: Buffer.from(Array.from(data)).toString("base64") } : data ?? null,
    };
  },
};

const receive = receivers[process.argv[2]];
const results = JSON.parse(fs.readFileSync(0, "utf8")).map(({ headers, body, secret }) => {
  try {
    return receive(headers, Buffer.from(body, "base64"), secret);
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
});
process.stdout.write(JSON.stringify(results));
