// Counts the time left down; the page works without it.
const left = document.querySelector("[data-left]");
if (left) {
  const end = performance.now() + Number(left.dataset.left) * 1000;
  const timer = setInterval(() => {
    const s = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    left.textContent = Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
    left.classList.toggle("soon", s <= 30);
    if (s === 0) {
      clearInterval(timer);
      setTimeout(() => location.reload(), 500);
    }
  }, 250);
}
