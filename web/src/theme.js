// Runs before the first paint, so that a chosen theme does not flash.
try {
  var theme = localStorage.getItem('orrery.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch (e) {
  // Storage may be forbidden; the system's scheme applies then.
}
