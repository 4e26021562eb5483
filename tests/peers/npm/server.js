// A message centre by the library `smpp`, told what to do line by line: it says where it
// listens, and then whatever comes to it. tests/peers/with_npm.py is the other end.
"use strict";

const smpp = require("smpp");
const readline = require("readline");

const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const login = { system_id: "paycore", password: "pa55word" };
let next = 1;
let status = "ESME_ROK";
let session = null;

const server = smpp.createServer((opened) => {
  session = opened;
  opened.on("error", () => {});
  opened.on("close", () => say({ came: "close" }));
  opened.on("bind_transceiver", (pdu) => {
    const known = pdu.system_id === login.system_id;
    const right = known && pdu.password === login.password;
    const refused = known ? smpp.ESME_RINVPASWD : smpp.ESME_RINVSYSID;
    say({ came: "bind_transceiver", system_id: pdu.system_id,
          interface_version: pdu.interface_version, taken: right });
    opened.send(pdu.response({ command_status: right ? smpp.ESME_ROK : refused,
                               system_id: "npm" }));
  });
  opened.on("submit_sm", (pdu) => {
    const body = pdu.short_message;
    const id = (next++).toString(16).toUpperCase().padStart(8, "0");
    say({ came: "submit_sm", id, status, to: pdu.destination_addr,
          ton: pdu.dest_addr_ton, coding: pdu.data_coding, esm_class: pdu.esm_class,
          wish: pdu.registered_delivery, text: body.message,
          header: body.udh ? body.udh.map((one) => one.toString("hex")) : [] });
    opened.send(pdu.response({ command_status: smpp[status],
                               message_id: status === "ESME_ROK" ? id : "" }));
  });
  opened.on("enquire_link", (pdu) => {
    say({ came: "enquire_link" });
    opened.send(pdu.response());
  });
  opened.on("unbind", (pdu) => {
    say({ came: "unbind" });
    opened.send(pdu.response());
    opened.close();
  });
});

const tell = {
  // What the next submissions are answered with.
  status: (asked) => { status = asked.name; say({ said: status }); },
  // A receipt, with the two fields or with the line of words alone.
  receipt: (asked) => {
    const words = `id:${asked.id} sub:001 dlvrd:001 submit date:2601010000` +
      ` done date:2601010001 stat:${asked.stat} err:000 text:`;
    const fields = asked.fields
      ? { receipted_message_id: asked.id, message_state: asked.state } : {};
    session.deliver_sm({ source_addr: "8613812345678", destination_addr: "10690000",
                         esm_class: 4, short_message: words,
                         ...fields },
                       (pdu) => say({ said: pdu.command_status }));
  },
  // Its own sign of life, and its own goodbye.
  enquire: () => session.enquire_link({}, (pdu) => say({ said: pdu.command_status })),
  unbind: () => session.unbind({}, (pdu) => {
    say({ said: pdu.command_status });
    session.close();
  }),
};

readline.createInterface({ input: process.stdin })
  .on("line", (line) => { const asked = JSON.parse(line); tell[asked.do](asked); })
  .on("close", () => process.exit(0));

server.listen(0, "127.0.0.1", () =>
  say({ said: `smpp://127.0.0.1:${server.address().port}`, login }));
