// A picture that can be clicked and drawn on. It gets the bytes of a PNG or JPEG, and sends
// places as shares of its width and height, from the top left.
function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "gt-canvas";
  canvas.setAttribute("role", "img");
  canvas.style.cssText =
    "width:100%;height:auto;display:block;touch-action:none;outline-offset:2px";
  el.appendChild(canvas);
  const ctx = canvas.getContext("2d");
  let picture = null, stroke = null, at = [0.5, 0.5], newest = 0;

  const paint = () => {
    if (!picture) return;
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
    }
    ctx.drawImage(picture, 0, 0);
    if (!stroke) return;
    ctx.fillStyle = "rgba(27, 120, 55, 0.75)";
    for (const [x, y] of stroke) {
      ctx.beginPath();
      ctx.arc(x * canvas.width, y * canvas.height, 4, 0, 7);
      ctx.fill();
    }
  };
  const load = async () => {
    const bytes = model.get("image");
    if (!bytes || !bytes.byteLength) return;
    const mine = ++newest;
    const type = bytes.getUint8(0) === 0xff ? "image/jpeg" : "image/png";
    const next = await createImageBitmap(new Blob([bytes], { type }));
    if (mine !== newest) return next.close();  // a later picture was faster
    if (picture) picture.close();
    picture = next;
    paint();
    canvas.dataset.frame = mine;
  };
  const label = () => canvas.setAttribute("aria-label", model.get("alt"));
  const mode = () => {
    canvas.tabIndex = model.get("mode") === "none" ? -1 : 0;
    canvas.style.cursor = model.get("mode") === "none" ? "default" : "crosshair";
  };
  const inside = (v) => Math.min(1, Math.max(0, v));
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    return [inside(x), inside(y)];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (model.get("mode") === "point") {
      at = place(event);
      model.send({ kind: "point", at });
    } else if (model.get("mode") === "draw") {
      canvas.setPointerCapture(event.pointerId);
      stroke = [place(event)];
      paint();
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const here = place(event), last = stroke[stroke.length - 1];
    if (Math.hypot(here[0] - last[0], here[1] - last[1]) > 0.015) stroke.push(here);
    paint();
  });
  const finish = () => {
    if (stroke) model.send({ kind: "stroke", points: stroke });
    stroke = null;
  };
  canvas.addEventListener("pointerup", finish);
  canvas.addEventListener("pointercancel", finish);
  canvas.addEventListener("keydown", (event) => {
    const steps = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    };
    const step = steps[event.key];
    if (!step || model.get("mode") !== "point") return;
    event.preventDefault();
    event.stopPropagation();
    at = at.map((v, i) => inside(v + 0.02 * step[i]));
    model.send({ kind: "point", at });
  });
  // a lab that nobody is looking at pauses itself
  const seen = () => {
    const shown = document.visibilityState === "visible" && canvas.isConnected;
    if (shown && canvas.offsetParent) model.send({ kind: "seen" });
  };
  const clock = setInterval(seen, 3000);
  seen();

  model.on("change:image", load);
  model.on("change:alt", label);
  model.on("change:mode", mode);
  label();
  mode();
  load();
  return () => {
    clearInterval(clock);
    model.off("change:image", load);
    model.off("change:alt", label);
    model.off("change:mode", mode);
    if (picture) picture.close();
    picture = null;
    newest += 1;
  };
}

export default { render };
