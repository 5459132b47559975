package main

// Go's select is a statement over a fixed number of cases: one function for each
// number of channels that is measured.

var selects = map[int]func([]chan uint64, uint64) uint64{
	2:  selectFrom2,
	8:  selectFrom8,
	64: selectFrom64,
}

func selectFrom2(channels []chan uint64, count uint64) (sum uint64) {
	c := (*[2]chan uint64)(channels)
	var v uint64
	for i := uint64(0); i < count; i++ {
		select {
		case v = <-c[0]:
		case v = <-c[1]:
		}
		sum += v
	}
	return
}

func selectFrom8(channels []chan uint64, count uint64) (sum uint64) {
	c := (*[8]chan uint64)(channels)
	var v uint64
	for i := uint64(0); i < count; i++ {
		select {
		case v = <-c[0]:
		case v = <-c[1]:
		case v = <-c[2]:
		case v = <-c[3]:
		case v = <-c[4]:
		case v = <-c[5]:
		case v = <-c[6]:
		case v = <-c[7]:
		}
		sum += v
	}
	return
}

func selectFrom64(channels []chan uint64, count uint64) (sum uint64) {
	c := (*[64]chan uint64)(channels)
	var v uint64
	for i := uint64(0); i < count; i++ {
		select {
		case v = <-c[0]:
		case v = <-c[1]:
		case v = <-c[2]:
		case v = <-c[3]:
		case v = <-c[4]:
		case v = <-c[5]:
		case v = <-c[6]:
		case v = <-c[7]:
		case v = <-c[8]:
		case v = <-c[9]:
		case v = <-c[10]:
		case v = <-c[11]:
		case v = <-c[12]:
		case v = <-c[13]:
		case v = <-c[14]:
		case v = <-c[15]:
		case v = <-c[16]:
		case v = <-c[17]:
		case v = <-c[18]:
		case v = <-c[19]:
		case v = <-c[20]:
		case v = <-c[21]:
		case v = <-c[22]:
		case v = <-c[23]:
		case v = <-c[24]:
		case v = <-c[25]:
		case v = <-c[26]:
		case v = <-c[27]:
		case v = <-c[28]:
		case v = <-c[29]:
		case v = <-c[30]:
		case v = <-c[31]:
		case v = <-c[32]:
		case v = <-c[33]:
		case v = <-c[34]:
		case v = <-c[35]:
		case v = <-c[36]:
		case v = <-c[37]:
		case v = <-c[38]:
		case v = <-c[39]:
		case v = <-c[40]:
		case v = <-c[41]:
		case v = <-c[42]:
		case v = <-c[43]:
		case v = <-c[44]:
		case v = <-c[45]:
		case v = <-c[46]:
		case v = <-c[47]:
		case v = <-c[48]:
		case v = <-c[49]:
		case v = <-c[50]:
		case v = <-c[51]:
		case v = <-c[52]:
		case v = <-c[53]:
		case v = <-c[54]:
		case v = <-c[55]:
		case v = <-c[56]:
		case v = <-c[57]:
		case v = <-c[58]:
		case v = <-c[59]:
		case v = <-c[60]:
		case v = <-c[61]:
		case v = <-c[62]:
		case v = <-c[63]:
		}
		sum += v
	}
	return
}
