// Before the first paint, so that nobody who chose dark is flashed at.
try {
  const theme = localStorage.getItem('polymath.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing: the system's theme it is.
}
