'use strict';

const express = require('express');

const app = express();
app.disable('x-powered-by');
app.get('/hello/:name', (req, res) => res.type('text').send(`hello, ${req.params.name}\n`));

const port = Number(process.env.PORT ?? 3000);
app.listen(port, () => console.log(`listening on ${port}`));
