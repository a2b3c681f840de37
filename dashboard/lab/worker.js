// The lab beside the page: answers its messages, and plays in slices between which it looks for the next one.
import init, { Lab } from "./lab.js";

const TOLD_MS = 100;
const turns = new MessageChannel();
let lab;
let playing = false;
let told = 0;
let took = 0;

const ready = init().then(() => {
  lab = new Lab();
});

function slice() {
  const begin = performance.now();
  const more = lab.step(took);
  const end = performance.now();
  took = end - begin;
  if (!more || end - told > TOLD_MS) {
    told = end;
    postMessage(lab.state());
  }
  playing = more;
  if (more) turns.port2.postMessage(0);
}

function guarded(act) {
  try {
    act();
  } catch (error) {
    playing = false;
    postMessage(JSON.stringify({ failed: String(error) }));
  }
}

turns.port1.onmessage = () => guarded(slice);

onmessage = async ({ data }) => {
  try {
    await ready;
  } catch (error) {
    postMessage(JSON.stringify({ failed: String(error) }));
    return;
  }
  guarded(() => {
    postMessage(lab.ask(data));
    if (!playing && lab.playing()) {
      took = 0;
      told = performance.now();
      playing = true;
      turns.port2.postMessage(0);
    }
  });
};
